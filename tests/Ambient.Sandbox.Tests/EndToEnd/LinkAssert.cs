using Ambient.Sandbox.Demo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>What has to hold of a capture on the link between nodes.</summary>
internal static class LinkAssert
{
    /// <summary>Pods' bytes were on it, all of them in TLS, and none could be read.</summary>
    public static void OnlyTls(LinkReport report)
    {
        Assert.Empty(report.OtherPorts);
        Assert.Empty(report.NotTls);
        Assert.Equal(0, report.MarkerSightings);
        Assert.True(report.TlsRecords > 0);
    }
}
