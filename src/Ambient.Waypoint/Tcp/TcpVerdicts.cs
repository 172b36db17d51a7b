using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Tcp;

/// <summary>What verdicts about connections mean for what is done.</summary>
internal static class TcpVerdicts
{
    /// <summary>Something that the verdict needs has not come, and may still come.</summary>
    public static bool IsIncomplete(this in HttpVerdict verdict) =>
        verdict.Reason is HttpVerdictReason.UnknownPolicy or HttpVerdictReason.UnknownConfiguration;
}
