/** A JSON value that cannot be written to, at any depth. */
export type ReadOnly<T> = T extends readonly (infer I)[] ? readonly ReadOnly<I>[] : T extends object ? { readonly [K in keyof T]: ReadOnly<T[K]> } : T
