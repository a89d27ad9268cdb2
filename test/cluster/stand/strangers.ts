import { Client, credentials, Metadata, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import { clusterType, listenerType, routeType } from "../../../operator/xds/type-urls.ts";
import { CheckRequest, CheckResponse } from "../../../protos/gen/envoy/service/auth/v3/external_auth.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery.ts";
import { installNamespace } from "./stand.ts";

/** A client of the configuration, as it says of itself and by the token that it shows. */
interface Stranger {
  readonly ca: string;
  readonly token: string | undefined;
  readonly id: string;
  readonly kind: string;
}

/** What a client is told of the configuration of proxies. */
export async function askForConfiguration(
  host: string,
  client: Stranger,
): Promise<{ readonly answers: number; readonly status: number }> {
  const { stream, close } = configurationStream(host, client);
  let answers = 0;
  stream.on("data", () => answers++);
  const ended = new Promise<StatusObject>((resolve) => stream.on("status", resolve));
  const { code } = await ended;
  close();
  return { answers, status: code };
}

/** A proxy that refuses everything that it is sent, as one of another version may. */
export class RefusingProxy {
  answers = 0;
  readonly close: () => void;

  constructor(host: string, client: Omit<Stranger, "kind">) {
    const { stream, close } = configurationStream(host, { ...client, kind: "picket-proxy" });
    this.close = close;
    stream.on("data", ({ typeUrl, nonce }: DeltaDiscoveryResponse) => {
      this.answers++;
      const errorDetail = { code: 3, message: "not understood" };
      stream.write(DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce: nonce, errorDetail }));
    });
  }
}

function configurationStream(
  host: string,
  { ca, token, id, kind }: Stranger,
): {
  readonly stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  readonly close: () => void;
} {
  const peer = new Client(`${host}:15010`, credentials.createSsl(Buffer.from(ca)), {
    "grpc.ssl_target_name_override": `picket-operator.${installNamespace}.svc`,
  });
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = peer.makeBidiStreamRequest(
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    (request: DeltaDiscoveryRequest) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
    (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
    metadata,
  );
  stream.on("error", () => {});
  for (const typeUrl of [listenerType, clusterType, routeType]) {
    stream.write(
      DeltaDiscoveryRequest.fromPartial({ node: { id, cluster: kind }, typeUrl, resourceNamesSubscribe: ["*"] }),
    );
  }
  const close = (): void => {
    stream.cancel();
    peer.close();
  };
  return { stream, close };
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
