import type { InstallConfig, KeyHosts } from "../identity.ts";
import { list, optional, record, unsupported } from "./record.ts";
import { refuse, type Place, type Reader } from "./place.ts";
import { flag, text, whole } from "./scalar.ts";

/** Proxies in front that may be trusted. */
export const trustedHopsMax = 10;

/** The only name a PicketConfig may have. */
export const configName = "default";

const clientAddress = record({
  shape: { trustedHops: optional(whole({ min: 0, max: trustedHopsMax })) },
  build: ({ trustedHops }) => trustedHops ?? 0,
});

/** Hosts that may be asked for keys. */
export const keyHostsMax = 64;

const keyHost = text({
  max: 253,
  pattern: /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  form: "a host",
  fix: "write a host such as id.bank.example, or *.example.org for all below it",
});

const keys = record({
  shape: {
    allowedHosts: optional(list(keyHost, { max: keyHostsMax, unique: { key: (item: string) => item, what: "host" } })),
    allowPrivateAddresses: optional(flag),
  },
  build: ({ allowedHosts, allowPrivateAddresses }): KeyHosts => ({
    allowedHosts,
    allowPrivateAddresses: allowPrivateAddresses ?? false,
  }),
});

/** Reads the `spec` of a PicketConfig. */
export const configSpec: Reader<Pick<InstallConfig, "trustedHops" | "keys">> = record({
  shape: {
    clientAddress: optional(clientAddress),
    keys: optional(keys),
    images: unsupported("remove it: no image is run"),
    injection: unsupported("remove it: nothing is injected"),
    scorer: unsupported("set it for the program, see picket config"),
    privacy: unsupported("remove it: no request content is kept"),
    stores: unsupported("remove it: nothing is stored outside the state folder"),
    exports: unsupported("remove it: read the decision log of the state folder"),
    trustDomain: unsupported("remove it"),
  },
  misplaced: { trustedHops: "write clientAddress: {trustedHops: 0}" },
  build: (values) => ({
    trustedHops: values.clientAddress ?? 0,
    ...(values.keys !== undefined && { keys: values.keys }),
  }),
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
