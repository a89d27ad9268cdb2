import { Client, credentials, Metadata, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import { clusterType, listenerType, routeType } from "../../../operator/xds/type-urls.ts";
import { CheckRequest, CheckResponse } from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { installNamespace } from "./stand.ts";

/** What a client that shows this token and says this name of itself is told of the configuration of proxies. */
export async function askForConfiguration(
  host: string,
  client: { readonly ca: string; readonly token: string | undefined; readonly id: string; readonly kind: string },
): Promise<{ readonly answers: number; readonly status: number }> {
  const peer = new Client(`${host}:15010`, credentials.createSsl(Buffer.from(client.ca)), {
    "grpc.ssl_target_name_override": `picket-operator.${installNamespace}.svc`,
  });
  const metadata = new Metadata();
  if (client.token !== undefined) metadata.set("authorization", `Bearer ${client.token}`);
  const stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = peer.makeBidiStreamRequest(
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    (request: DeltaDiscoveryRequest) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
    (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
    metadata,
  );
  let answers = 0;
  stream.on("data", () => answers++);
  stream.on("error", () => {});
  const ended = new Promise<StatusObject>((resolve) => stream.on("status", resolve));
  for (const typeUrl of [listenerType, clusterType, routeType]) {
    const node = { id: client.id, cluster: client.kind };
    stream.write(DeltaDiscoveryRequest.fromPartial({ node, typeUrl, resourceNamesSubscribe: ["*"] }));
  }
  const { code } = await ended;
  peer.close();
  return { answers, status: code };
}

/** The scorer's answer to a question of anybody; undefined where it gives none. */
export async function check(
  host: string,
  ca: string,
  question: Parameters<typeof CheckRequest.fromPartial>[0],
): Promise<CheckResponse | undefined> {
  const peer = new Client(`${host}:15031`, credentials.createSsl(Buffer.from(ca)), {
    "grpc.ssl_target_name_override": `picket-scorer.${installNamespace}.svc`,
  });
  try {
    return await new Promise((resolve) => {
      peer.makeUnaryRequest(
        "/envoy.service.auth.v3.Authorization/Check",
        (request: CheckRequest) => Buffer.from(CheckRequest.encode(request).finish()),
        (bytes: Buffer) => CheckResponse.decode(bytes),
        CheckRequest.fromPartial(question),
        (error, answer) => resolve(error === null ? answer : undefined),
      );
    });
  } finally {
    peer.close();
  }
}
