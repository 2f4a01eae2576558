// Corrections: what people say of digits.
export class Corrector {
  offer() {}
  enable() {}
}
export async function showCorrections(place) { place.textContent = ""; }
