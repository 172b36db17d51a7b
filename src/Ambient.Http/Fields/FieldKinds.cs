namespace Ambient.Http.Fields;

/// <summary>From a lower-case name to its <see cref="FieldKind"/>, by length first.</summary>
internal static class FieldKinds
{
    public static FieldKind Of(ReadOnlySpan<byte> name)
    {
        switch (name.Length)
        {
            case 2:
                return name.SequenceEqual("te"u8) ? FieldKind.Te : FieldKind.Other;
            case 3:
                return name.SequenceEqual("via"u8) ? FieldKind.Forwarding : FieldKind.Other;
            case 4:
                return name[0] switch
                {
                    (byte)'h' when name.SequenceEqual("host"u8) => FieldKind.Host,
                    (byte)'d' when name.SequenceEqual("date"u8) => FieldKind.Date,
                    _ => FieldKind.Other,
                };
            case 6:
                return name.SequenceEqual("expect"u8) ? FieldKind.Expect : FieldKind.Other;
            case 7:
                return name[0] switch
                {
                    (byte)'u' when name.SequenceEqual("upgrade"u8) => FieldKind.Upgrade,
                    (byte)'b' when name.SequenceEqual("baggage"u8) => FieldKind.Forwarding,
                    _ => FieldKind.Other,
                };
            case 9:
                return name.SequenceEqual("forwarded"u8) ? FieldKind.Forwarding : FieldKind.Other;
            case 10:
                return name[0] switch
                {
                    (byte)'c' when name.SequenceEqual("connection"u8) => FieldKind.Connection,
                    (byte)'k' when name.SequenceEqual("keep-alive"u8) => FieldKind.HopByHop,
                    (byte)'t' when name.SequenceEqual("tracestate"u8) => FieldKind.Forwarding,
                    _ => FieldKind.Other,
                };
            case 11:
                return name.SequenceEqual("traceparent"u8) ? FieldKind.Forwarding : FieldKind.Other;
            case 14:
                return name[0] switch
                {
                    (byte)'c' when name.SequenceEqual("content-length"u8) => FieldKind.ContentLength,
                    (byte)'h' when name.SequenceEqual("http2-settings"u8) => FieldKind.HopByHop,
                    _ => FieldKind.Other,
                };
            case 16 when name.SequenceEqual("proxy-connection"u8):
                return FieldKind.HopByHop;
            case 17 when name.SequenceEqual("transfer-encoding"u8):
                return FieldKind.TransferEncoding;
        }

        return name.StartsWith("x-"u8) ? OfExtension(name) : FieldKind.Other;
    }

    /// <summary>
    /// <c>x-envoy-original-path</c>, <c>-external-address</c> and the like are told by gateways to applications and pass; the names here
    /// are orders to a proxy (retries, time-outs, tracing) or claims about the caller, which only its certificate can make.
    /// </summary>
    private static FieldKind OfExtension(ReadOnlySpan<byte> name)
    {
        if (name.StartsWith("x-envoy-"u8))
        {
            var rest = name["x-envoy-"u8.Length..];
            return rest.StartsWith("upstream-"u8) || rest.StartsWith("retry-"u8) || rest.StartsWith("retriable-"u8)
                || rest.StartsWith("expected-"u8) || rest.StartsWith("hedge-"u8) || rest.StartsWith("downstream-"u8)
                || rest.StartsWith("peer-metadata"u8) || rest.SequenceEqual("max-retries"u8) || rest.SequenceEqual("internal"u8)
                || rest.SequenceEqual("force-trace"u8) || rest.SequenceEqual("decorator-operation"u8) || rest.SequenceEqual("ip-tags"u8)
                    ? FieldKind.Reserved
                    : FieldKind.Forwarding;
        }

        if (name.SequenceEqual("x-forwarded-client-cert"u8) || name.StartsWith("x-istio-"u8))
        {
            return FieldKind.Reserved;
        }

        return name.StartsWith("x-forwarded-"u8) || name.StartsWith("x-b3-"u8) || name.SequenceEqual("x-request-id"u8)
            || name.SequenceEqual("x-real-ip"u8) || name.SequenceEqual("x-client-trace-id"u8)
                ? FieldKind.Forwarding
                : FieldKind.Other;
    }
}
