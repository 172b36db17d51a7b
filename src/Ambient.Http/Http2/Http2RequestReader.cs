using System.Text;
using Ambient.Hbone;
using Ambient.Http.Fields;
using Ambient.Http.Rules;

namespace Ambient.Http.Http2;

/// <summary>
/// A request of HTTP/2 under the rules of requests: those that RFC 9113 §8 makes a stream error of were applied by the engine; what is left is
/// what the same request may not have in HTTP/1.1, because it may be written into it.
/// </summary>
internal static class Http2RequestReader
{
    public static Refusal? Read(RequestHeaders headers, RequestHead head, HttpLimits limits)
    {
        head.Reset();
        if (headers.IsConnect)
        {
            return new Refusal(RefusalReason.Connect, "CONNECT is for forward proxies");
        }

        if (Methods.Find(headers.Method) is not { } method)
        {
            return new Refusal(RefusalReason.Method, "an unknown method");
        }

        if (headers.Scheme is not ("http" or "https"))
        {
            return new Refusal(RefusalReason.Scheme, "the scheme is neither http nor https");
        }

        head.Method = method;
        head.Scheme = headers.Scheme;
        head.Version = HttpVersion.Http2;
        head.TakesTrailers = true;
        return ReadAuthority(headers, head) ?? ReadPath(headers.Path!, head) ?? ReadFields(headers, head, limits);
    }

    private static Refusal? ReadAuthority(RequestHeaders headers, RequestHead head)
    {
        if ((headers.Authority ?? headers.Fields["host"]) is not { } authority)
        {
            return new Refusal(RefusalReason.HostMissing, "neither :authority nor host");
        }

        head.Authority = authority;
        return Authorities.IsValid(head.AuthorityBytes) ? null : new Refusal(RefusalReason.Authority, ":authority is no host and port");
    }

    private static Refusal? ReadPath(string path, RequestHead head) =>
        path == "*" ? new Refusal(RefusalReason.AsteriskTarget, "OPTIONS *") : RequestTarget.SetPath(Encoding.Latin1.GetBytes(path), head);

    private static Refusal? ReadFields(RequestHeaders headers, RequestHead head, HttpLimits limits)
    {
        if (Http2Fields.Read(headers.Fields, head.Fields, limits, isRequest: true) is { } refusal)
        {
            return refusal;
        }

        head.HasBody = !headers.EndStream;
        head.ContentLength = Http2Fields.LengthOf(head.Fields);
        if (head.Fields.TryGet(FieldKind.Expect, out var expect) && Ascii.EqualsIgnoreCase(expect, "100-continue"u8))
        {
            head.ExpectsContinue = head.HasBody;
            head.Fields.Remove(FieldKind.Expect);
        }

        foreach (ref readonly var field in headers.Fields.AsSpan())
        {
            head.ReceivedBytes += field.Size;
        }

        head.ReceivedBytes += headers.Path!.Length + head.AuthorityBytes.Length + headers.Method.Length;
        return null;
    }
}
