import type { Attack } from "./attack.ts";
import { adminWithoutRole } from "./attacks/admin-without-role.ts";
import { forgedTokens } from "./attacks/forged-tokens.ts";
import { otherAccounts } from "./attacks/other-accounts.ts";
import { passwordList } from "./attacks/password-list.ts";
import { pathSpellings } from "./attacks/path-spellings.ts";
import { spoofedHeaders } from "./attacks/spoofed-headers.ts";

/** Every attack of the demo, in its order. */
export const attacks: readonly Attack[] = [
  otherAccounts,
  adminWithoutRole,
  forgedTokens,
  pathSpellings,
  spoofedHeaders,
  passwordList,
];
