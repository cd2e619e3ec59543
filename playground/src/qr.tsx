import { generate } from "lean-qr";
import { toSvgPath } from "lean-qr/extras/svg";
import { useMemo } from "react";

/** The width of the white border, which scanners need, in modules. */
const BORDER = 4;

/** A QR code, always dark on white, because many scanners read no inverted one. */
function QrCode({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => generate(text), [text]);
  const size = code.size + 2 * BORDER;
  return (
    <svg className="portcullis-qr" viewBox={`${-BORDER} ${-BORDER} ${size} ${size}`} role="img" aria-label={label}>
      <rect x={-BORDER} y={-BORDER} width={size} height={size} fill="white" />
      <path d={toSvgPath(code)} fill="black" shapeRendering="crispEdges" />
    </svg>
  );
}

/** The secret of an authenticator app, to scan or to type. */
export function AppSecret({ secret, uri }: { secret: string; uri: string }) {
  return (
    <>
      <QrCode text={uri} label="QR code for the authenticator app" />
      <code className="portcullis-secret" aria-label="Key">
        {secret}
      </code>
    </>
  );
}
