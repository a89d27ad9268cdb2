import { FakeApi } from "../fake-api/server.ts";
import { kubeClientContract } from "./kube-client.ts";

describe("the fake API server", () => {
  let api: FakeApi | undefined;
  after(() => api?.stop());

  kubeClientContract("the fake API server", async () => {
    api = await FakeApi.start();
    return api.kubeconfig;
  });
});
