// Whether the page is in sight: not while another tab is, or while its window is minimized.

import { createSignal } from "solid-js";

const [visible, setVisible] = createSignal(!document.hidden);
document.addEventListener("visibilitychange", () => setVisible(!document.hidden));

export { visible };
