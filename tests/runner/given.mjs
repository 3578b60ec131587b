/** The JSON on standard input. */

import { readFileSync } from "node:fs";

export const given = JSON.parse(readFileSync(0, "utf-8"));
