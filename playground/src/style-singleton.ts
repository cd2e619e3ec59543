import { useInsertionEffect } from "react";

/**
 * Replaces react-style-singleton, with which Radix locks scrolling behind a dialog. The original
 * inserts a <style> element; an adopted style sheet does the same without 'unsafe-inline'.
 */
export const styleSingleton = () => Style;

function Style({ styles }: { styles: string }) {
  useInsertionEffect(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    };
  }, [styles]);
  return null;
}
