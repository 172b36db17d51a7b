using System.Globalization;
using System.Text;

namespace Ambient.Xds.Grpc;

/// <summary>How statuses, messages and deadlines are spelled in headers (PROTOCOL-HTTP2.md of gRPC).</summary>
internal static class StatusText
{
    /// <summary>A header is not the place for more; what is longer is cut.</summary>
    private const int MaxMessage = 4096;

    /// <summary>Percent-encodes what is not printable ASCII, and the percent sign.</summary>
    public static string Encode(string message)
    {
        var text = new StringBuilder(message.Length);
        foreach (var unit in Encoding.UTF8.GetBytes(message))
        {
            if (text.Length >= MaxMessage)
            {
                break;
            }

            _ = unit is >= 0x20 and <= 0x7E and not (byte)'%' ? text.Append((char)unit) : text.Append(CultureInfo.InvariantCulture, $"%{unit:X2}");
        }

        return text.ToString();
    }

    /// <summary>Reads what <see cref="Encode"/> writes; what is not valid stays as it is, as the protocol asks.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
        {
            return text;
        }

        var bytes = new List<byte>(text.Length);
        for (var index = 0; index < text.Length; index++)
        {
            if (text[index] == '%'
                && index + 2 < text.Length
                && byte.TryParse(text.AsSpan(index + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                index += 2;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(text, index, 1));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>At most eight digits and a unit; rounded up, so that it is never the wire that cuts a call short.</summary>
    public static string Timeout(TimeSpan left)
    {
        var milliseconds = (long)Math.Ceiling(Math.Max(left.TotalMilliseconds, 0));
        return milliseconds <= 99_999_999
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds}m")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(milliseconds / 1000 + 1, 99_999_999)}S");
    }

    /// <summary>Null if the text is not a timeout.</summary>
    public static TimeSpan? ParseTimeout(string text)
    {
        if (text.Length is < 2 or > 9
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return null;
        }

        return text[^1] switch
        {
            'H' => TimeSpan.FromHours(count),
            'M' => TimeSpan.FromMinutes(count),
            'S' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMilliseconds(count),
            'u' => TimeSpan.FromMicroseconds(count),
            'n' => TimeSpan.FromTicks((count + 99) / 100),
            _ => null,
        };
    }

    /// <summary>What an HTTP status means where there is no gRPC status (http-grpc-status-mapping.md).</summary>
    public static GrpcStatus FromHttp(int status) => status switch
    {
        400 => GrpcStatus.Internal,
        401 => GrpcStatus.Unauthenticated,
        403 => GrpcStatus.PermissionDenied,
        404 => GrpcStatus.Unimplemented,
        429 or 502 or 503 or 504 => GrpcStatus.Unavailable,
        _ => GrpcStatus.Unknown,
    };

    public static string Number(GrpcStatus status) => ((int)status).ToString(CultureInfo.InvariantCulture);

    public static GrpcStatus? Parse(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number is >= 0 and <= 16 ? (GrpcStatus)number : GrpcStatus.Unknown
            : null;
}
