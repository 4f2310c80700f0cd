// The pairs of text and ground on the page whose contrast is too small (WCAG 2, 1.4.3): evaluated by test_look.py.
(() => {
  const parse = (color) => {
    const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
    return { red, green, blue, alpha };
  };
  const over = (top, below) => ({
    red: top.red * top.alpha + below.red * (1 - top.alpha), green: top.green * top.alpha + below.green * (1 - top.alpha),
    blue: top.blue * top.alpha + below.blue * (1 - top.alpha), alpha: 1,
  });
  const luminance = ({ red, green, blue }) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    if (!element) return parse("rgb(255, 255, 255)");
    const own = parse(getComputedStyle(element).backgroundColor);
    return own.alpha === 1 ? own : over(own, ground(element.parentElement));
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const measured = [];
  const measure = (element, color, what, least) => {
    const below = ground(element);
    const value = ratio(over(parse(color), below), below);
    measured.push({ what, value: Math.round(value * 100) / 100, least });
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".unseen, .skip, noscript")) continue;
    measure(element, getComputedStyle(element).color, walker.currentNode.data.trim().slice(0, 30), 4.5);
  }
  for (const field of document.querySelectorAll("input, textarea")) {
    if (!field.checkVisibility() || field.type === "checkbox" || field.type === "radio") continue;
    measure(field, getComputedStyle(field).color, field.id, 4.5);
    if (field.placeholder) measure(field, getComputedStyle(field, "::placeholder").color, `${field.id}: placeholder`, 4.5);
  }
  // The edges that show where a control is: 3:1 against what is around it.
  for (const control of document.querySelectorAll("button:enabled, input, textarea")) {
    if (!control.checkVisibility() || control.type === "checkbox" || control.type === "radio") continue;
    const around = ground(control.parentElement);
    const edge = over(parse(getComputedStyle(control).borderTopColor), around);
    measured.push({ what: `edge of ${control.id || control.textContent}`, value: Math.round(ratio(edge, around) * 100) / 100, least: 3 });
  }
  return { count: measured.length, poor: measured.filter(({ value, least }) => value < least) };
})();
