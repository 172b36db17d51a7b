using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Ambient.Telemetry.Logging;

namespace Ambient.Telemetry.Tests.Logging;

/// <summary>The access log of ztunnel after ten connections, written again from the same facts.</summary>
public sealed partial class GoldenAccessLogTests
{
    [Theory]
    [InlineData("access-source.log")]
    [InlineData("access-destination.log")]
    public async Task Same_facts_give_the_same_lines(string file)
    {
        var recorded = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Golden/ztunnel", file));
        using var output = new MemoryStream();
        await using (var logs = new LogOutput(LogFormat.Plain, LogFilter.Default, output, new ManualTime()))
        {
            var access = new AccessLog(logs.Factory);
            foreach (var line in recorded)
            {
                Replay(line.Split('\t'), access);
            }
        }

        // The recording has a placeholder for the time.
        var ours = Encoding.UTF8.GetString(output.ToArray()).Replace("2026-08-01T10:20:30.000000Z", "<time>", StringComparison.Ordinal);
        Assert.Equal(recorded, ours.TrimEnd('\n').Split('\n'));
    }

    private static void Replay(string[] columns, AccessLog access)
    {
        var values = Field().Matches(columns[4]).ToDictionary(
            match => match.Groups[1].Value, match => match.Groups[2].Success ? match.Groups[2].Value : match.Groups[3].Value);
        string? Text(string key) => values.GetValueOrDefault(key);
        IPEndPoint? Address(string key) => Text(key) is { } text ? IPEndPoint.Parse(text) : null;
        long? Number(string key) => Text(key) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;
        AccessLogPeer Peer(string side) => new()
        {
            Address = Address($"{side}.addr"),
            Workload = Text($"{side}.workload"),
            Namespace = Text($"{side}.namespace"),
            Identity = Text($"{side}.identity"),
            Cluster = Text($"{side}.cluster"),
        };
        var entry = new AccessLogEntry
        {
            Source = Peer("src"),
            Destination = Peer("dst"),
            HboneAddress = Address("dst.hbone_addr"),
            DestinationService = Text("dst.service"),
            Inbound = Text("direction") == "inbound",
            BytesSent = Number("bytes_sent"),
            BytesReceived = Number("bytes_recv"),
            Duration = Text("duration") is { } duration ? TimeSpan.FromMilliseconds(int.Parse(duration[..^2], CultureInfo.InvariantCulture)) : null,
            Error = Text("error"),
        };
        if (columns[3] == "connection failed")
        {
            access.Failed(entry);
        }
        else
        {
            access.Completed(entry);
        }
    }

    [GeneratedRegex(@"([\w.]+)=(?:""([^""]*)""|(\S+))")]
    private static partial Regex Field();
}
