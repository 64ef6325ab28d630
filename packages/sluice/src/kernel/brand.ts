declare const brand: unique symbol;

/** A primitive with a meaning the compiler keeps apart from others of its type. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
