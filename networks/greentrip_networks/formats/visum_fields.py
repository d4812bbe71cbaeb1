"""What the blocks of a Visum network are called in German, and the fields of its streets and zones that are read."""

from greentrip_networks.formats.csv_tables import Field

GERMAN = dict(
    line.split()
    for line in """
    KNOTEN NODE
    STRECKE LINK
    STRECKENTYP LINKTYPE
    STRECKENPOLY LINKPOLY
    ABBIEGER TURN
    BEZIRK ZONE
    ANBINDUNG CONNECTOR
    VSYS TSYS
    NETZ NETWORK
    HALTESTELLE STOP
    HALTESTELLENBEREICH STOPAREA
    HALTEPUNKT STOPPOINT
    LINIE LINE
    LINIENROUTE LINEROUTE
    LINIENROUTENELEMENT LINEROUTEITEM
    FAHRZEITPROFIL TIMEPROFILE
    FAHRZEITPROFILELEMENT TIMEPROFILEITEM
    FAHRPLANFAHRT VEHJOURNEY
    NR NO
    XKOORD XCOORD
    YKOORD YCOORD
    VONKNOTNR FROMNODENO
    NACHKNOTNR TONODENO
    UEBERKNOTNR VIANODENO
    TYPNR TYPENO
    VSYSSET TSYSSET
    LAENGE LENGTH
    ANZFAHRSTREIFEN NUMLANES
    KAPIV CAPPRT
    V0IV V0PRT
    BEZNR ZONENO
    KNOTNR NODENO
    RICHTUNG DIRECTION
    TYP TYPE
    STEUERUNGSTYP CONTROLTYPE
    """.strip().splitlines()
)
READ = frozenset(
    [
        "NETWORK",
        "TSYS",
        "NODE",
        "LINKTYPE",
        "LINK",
        "LINKPOLY",
        "TURN",
        "ZONE",
        "CONNECTOR",
        "STOP",
        "STOPAREA",
        "STOPPOINT",
        "LINE",
        "LINEROUTE",
        "LINEROUTEITEM",
        "TIMEPROFILE",
        "TIMEPROFILEITEM",
        "VEHJOURNEY",
    ]
)
UNITS = {
    "km": 1000.0,
    "m": 1.0,
    "mi": 1609.344,
    "ft": 0.3048,
    "km/h": 1.0,
    "kmh": 1.0,
    "mph": 1.609344,
    "mi/h": 1.609344,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
}
CONTROLS = {"3": "signal", "4": "give_way", "2": "stop", "5": "roundabout", "6": "roundabout"}  # Visum's ControlType

NODES = (
    Field("NO", to="node_id", needed=True),
    Field("XCOORD", "number", to="lon", needed=True),
    Field("YCOORD", "number", to="lat", needed=True),
    Field("NAME", to="name", default=""),
    Field("CONTROLTYPE", to="type", default=""),
)
TYPES = (
    Field("NO", to="kind", needed=True),
    Field("NAME", to="type_name", default=""),
    Field("NUMLANES", "number", to="type_lanes"),
    Field("CAPPRT", "number", to="type_capacity"),
    Field("V0PRT", "number", to="type_kmh"),
    Field("TSYSSET", to="type_tsys", default=""),
)
LINKS = (
    Field("NO", to="number", needed=True),
    Field("FROMNODENO", to="from_node", needed=True),
    Field("TONODENO", to="to_node", needed=True),
    Field("TYPENO", to="kind", default=""),
    Field("NAME", to="name", default=""),
    Field("TSYSSET", to="tsys", default=""),
    Field("LENGTH", "number", to="length_m", low=0),
    Field("NUMLANES", "number", to="lanes", low=0, high=99),
    Field("CAPPRT", "number", to="capacity_vph", low=0),
    Field("V0PRT", "number", to="free_kmh", low=0, high=400),
)
POLY = (
    Field("FROMNODENO", to="from_node", needed=True),
    Field("TONODENO", to="to_node", needed=True),
    Field("INDEX", "whole", to="index", needed=True),
    Field("XCOORD", "number", to="lon", needed=True),
    Field("YCOORD", "number", to="lat", needed=True),
)
TURNS = (
    Field("FROMNODENO", to="a", needed=True),
    Field("VIANODENO", to="via", needed=True),
    Field("TONODENO", to="b", needed=True),
    Field("TSYSSET", to="tsys", default=""),
)
ZONES = (
    Field("NO", to="zone_id", needed=True),
    Field("NAME", to="name", default=""),
    Field("XCOORD", "number", to="lon"),
    Field("YCOORD", "number", to="lat"),
)
TSYS = (
    Field("CODE", to="code", needed=True),
    Field("NAME", to="name", default=""),
    Field("TYPE", to="type", default=""),
)
NETWORK = (Field("PROJECTIONDEFINITION", to="crs", default=""),)
CONNECTORS = (
    Field("ZONENO", to="zone", needed=True),
    Field("NODENO", to="node", needed=True),
    Field("DIRECTION", to="direction", default=""),
)
