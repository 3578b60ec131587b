/** Constants of a compiled Program; its types are in program.d.ts. As kb/program.py. */

export const SCALE = 10n ** 8n;
export const SCHEMA = "1.1.0";

export const TRUE = { kind: "const", value: true };
export const FALSE = { kind: "const", value: false };

export const isConstant = (expr, value) => expr.kind === "const" && expr.value === value;
