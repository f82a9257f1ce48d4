/** An order that can't be carried out; the message says why. */
export class InvalidOrder extends Error {
  override readonly name = 'InvalidOrder';
}
