using System.Net;
using Ambient.Api;
using Ambient.Mesh.Explanation;

namespace Ambient.Cli.Explain;

/// <summary>A request as the command line has it; a method of null means that only the connection is asked about.</summary>
internal sealed record AskedRequest(string? Method, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers);

/// <summary>Follows a connection from proxy to proxy, asking each what it would do.</summary>
internal static class Walk
{
    /// <summary>Client, two waypoints in turn, server: more is a loop.</summary>
    private const int MostHops = 5;

    /// <summary>The answers on the way, in order.</summary>
    public static async Task<IReadOnlyList<HopAnswer>> RunAsync(
        IExplainedMesh mesh, Place source, DestinationName written, IPEndPoint destination, AskedRequest request, CancellationToken ct)
    {
        var answers = new List<HopAnswer>();
        var question = new HopQuestion { Hop = Hop.Outbound, Client = source.Address, Destination = destination.ToString() };
        var node = source.Node;
        for (var hop = 0; hop < MostHops; hop++)
        {
            var answer = await mesh.AskAsync(question, node, ct);
            answers.Add(answer);
            if (answer.Next is not (Onward.Waypoint or Onward.Tunnel or Onward.Plaintext))
            {
                break;
            }

            node = answer.ServerNode ?? "";
            question = new HopQuestion
            {
                Hop = answer.Next == Onward.Waypoint ? Hop.Request : Hop.Inbound,
                Client = answer.Client is { } client ? IPAddress.Parse(client) : source.Address,
                Identity = answer.Identity is { } identity ? SpiffeId.Parse(identity) : null,
                Server = answer.Server,
                Destination = answer.Destination ?? destination.ToString(),
                Method = request.Method,
                Target = request.Target,
                Authority = request.Headers.FirstOrDefault(header => header.Key.Equals("host", StringComparison.OrdinalIgnoreCase)).Value ?? HostOf(written),
                Headers = [.. request.Headers],
            };
        }

        return answers;
    }

    /// <summary>What a client writes into Host: the port only where it is not HTTP's own.</summary>
    private static string HostOf(DestinationName written) => written.Host.Contains('/')
        ? $"localhost:{written.Port}"
        : written.Port == 80 ? written.Host : $"{written.Host}:{written.Port}";
}
