namespace Ambient.Proxy.Headers;

/// <summary>
/// The <c>traceparent</c> header (W3C Trace Context): <c>00-TRACE-SPAN-FLAGS</c>. Sent for the peer's sake; what peers send is not read.
/// </summary>
public static class TraceParent
{
    /// <summary>The name of the header.</summary>
    public const string Name = "traceparent";

    /// <summary>A new trace, not sampled.</summary>
    public static string New(Random random)
    {
        Span<byte> ids = stackalloc byte[24];
        random.NextBytes(ids);
        return $"00-{Convert.ToHexStringLower(ids[..16])}-{Convert.ToHexStringLower(ids[16..])}-00";
    }
}
