// A whole run from Node: node smoke.mjs HOST:PORT PROTO_FOLDER GOOGLE_PROTO_FOLDER
// Everything it knows of the service comes from the .proto files.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, contract, google] = process.argv.slice(2);
const names = ["network", "scenario", "run"].map((name) => `greentrip/v1/${name}.proto`);
const options = { includeDirs: [contract, google], keepCase: true, longs: Number, enums: String, defaults: true };
const { greentrip } = grpc.loadPackageDefinition(loader.loadSync(names, options));
const open = (service) => new greentrip.v1[service](address, grpc.credentials.createInsecure());
const networks = open("NetworkService");
const scenarios = open("ScenarioService");
const runs = open("RunService");

const call = (client, method, request) =>
  new Promise((resolve, reject) => client[method](request, (error, reply) => (error ? reject(error) : resolve(reply))));
const stream = async (client, method, request) => {
  const replies = [];
  for await (const reply of client[method](request)) replies.push(reply);
  return replies;
};

const listed = await call(networks, "ListNetworks", {});
const scenario = await call(scenarios, "CreateScenario", {
  scenario: { network: "networks/tiny", interventions: [{ set_headway: { line: "1", headway_s: 120 } }] },
  request_id: "node-scenario",
});
await call(runs, "CreateRun", {
  run: { scenario: scenario.name, sample: 0.002, max_days: 2 },
  run_id: "from-node",
  request_id: "node-run",
});
const seen = await stream(runs, "WatchRun", { name: "runs/from-node" });
const result = await call(runs, "GetRunResult", { name: "runs/from-node" });
const pieces = await stream(runs, "StreamTable", { name: "runs/from-node", table: "trips" });
const refused = await call(runs, "GetRun", { name: "runs/from-nod" }).catch((error) => error);

console.log(
  JSON.stringify({
    networks: listed.networks.map((network) => network.name),
    states: [...new Set(seen.map((run) => run.state))],
    trips: result.trips,
    arrow_bytes: pieces.reduce((sum, piece) => sum + piece.content.length, 0),
    refused: grpc.status[refused.code],
  }),
);
