"""Are the statistics honest? The command for the tests of interval_coverage.py, with the same options.

    python benchmarks/statistics.py --json

Scripts of this folder that import Python's own `statistics`, themselves or through a library, find this file first;
imported so, it puts Python's in its place.
"""

import importlib.util
import sys
import sysconfig
from pathlib import Path

if __name__ == "__main__":
    from interval_coverage import main

    main()
else:
    spec = importlib.util.spec_from_file_location(__name__, Path(sysconfig.get_path("stdlib")) / "statistics.py")
    if spec is None or spec.loader is None:
        raise ImportError(__name__)
    sys.modules[__name__] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
