// Asks the webhook about a pod that wants nothing: the answer must name the request and let the pod in.
import { readFileSync } from "node:fs";
import { request } from "node:https";

const uid = "4d1c7b4e-0000-4000-8000-000000000000";
const review = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid,
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    namespace: process.env.NAMESPACE,
    operation: "CREATE",
    dryRun: true,
    userInfo: { username: "helm-test" },
    object: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "helm-test", labels: { "picket.dev/inject": "false" } },
      spec: { containers: [{ name: "a", image: "a" }] },
    },
  },
};

const body = await new Promise((resolve, reject) => {
  const call = request(process.env.WEBHOOK, {
    method: "POST",
    headers: { "content-type": "application/json" },
    ca: readFileSync("/var/run/picket-trust/ca.crt"),
    timeout: 10_000,
  });
  call.on("response", (response) => {
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () => resolve(Buffer.concat(chunks).toString()));
  });
  call.on("timeout", () => call.destroy(new Error("no answer in ten seconds")));
  call.on("error", reject);
  call.end(JSON.stringify(review));
});
const { response } = JSON.parse(body);
if (response?.uid !== uid || response.allowed !== true) throw new Error(`the webhook answered ${body}`);
process.stdout.write("the webhook answers\n");
