import type { InstallConfig } from "../identity.ts";
import { optional, record, unsupported } from "./record.ts";
import { refuse, type Place, type Reader } from "./place.ts";
import { whole } from "./scalar.ts";

/** Proxies in front that may be trusted. */
export const trustedHopsMax = 10;

/** The only name a PicketConfig may have. */
export const configName = "default";

const clientAddress = record({
  shape: { trustedHops: optional(whole({ min: 0, max: trustedHopsMax })) },
  build: ({ trustedHops }) => trustedHops ?? 0,
});

/** Reads the `spec` of a PicketConfig. */
export const configSpec: Reader<Pick<InstallConfig, "trustedHops">> = record({
  shape: {
    clientAddress: optional(clientAddress),
    images: unsupported("remove it: no image is run"),
    injection: unsupported("remove it: nothing is injected"),
    scorer: unsupported("set it for the program, see picket config"),
    privacy: unsupported("remove it: no request content is kept"),
    stores: unsupported("remove it: nothing is stored outside the state folder"),
    exports: unsupported("remove it: read the decision log of the state folder"),
    trustDomain: unsupported("remove it"),
  },
  misplaced: { trustedHops: "write clientAddress: {trustedHops: 0}" },
  build: (values) => ({ trustedHops: values.clientAddress ?? 0 }),
});

/** There is one configuration for the install; a second name would be one that nobody reads. */
export function checkConfigName(name: string, metadata: Place): void {
  if (name === configName) return;
  const at = { ...metadata, path: `${metadata.path}.name` };
  refuse(
    at,
    "PKT0104",
    `a PicketConfig is named ${configName}, not ${JSON.stringify(name)}`,
    `write name: ${configName}`,
  );
}
