/** For people: a whole number with its thousands apart, `1,598`. Not by the machine's language tables, which take longer to load than most commands take. */
export const formatCount = (n: number): string => String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');
