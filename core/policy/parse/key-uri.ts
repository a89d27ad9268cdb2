import { refuse, refuseType, type Reader } from "./place.ts";

/** Characters of the address of a key set. */
export const keyUriCharactersMax = 512;

const fix = "write an address such as https://id.example/jwks.json";

/** Host: a name, or an IPv6 address in brackets. What follows is sent as it is. */
const httpsAddress = /^https:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][\w\-.~!$&'()*+,;=:@%/?]*)?$/i;

/**
 * Where the operator fetches a key set (RFC 7517): over TLS only, since whoever can change it on its way could sign.
 * Which hosts may be asked is a matter of the install; here only the form counts.
 */
export const keyUri: Reader<string> = (place) => {
  const { value } = place;
  if (typeof value !== "string") return refuseType(place, "the address of a key set", fix);
  if (value.length > keyUriCharactersMax) {
    const message = `has ${value.length} characters, more than ${keyUriCharactersMax}`;
    return refuse(place, "PKT0206", message, "use the plain address of the key set");
  }
  if (/^https?:\/\/[^/?#]*@/i.test(value)) {
    return refuse(place, "PKT0207", "carries a name or a password", "public keys need none: remove it");
  }
  if (!/^https:\/\//i.test(value)) {
    return refuse(place, "PKT0207", "does not start with https://", "keys are fetched over TLS only");
  }
  return httpsAddress.test(value) ? value : refuse(place, "PKT0207", "is not the address of a key set", fix);
};
