export const version = '0.9';
