using System.Net;

namespace Ambient.Cli.Explain;

/// <summary>A workload at one end of what is explained.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Node">The node that it runs on; empty where that is not known.</param>
/// <param name="Address">Its address.</param>
internal sealed record Place(string Namespace, string Name, string Node, IPAddress Address);

/// <summary>A place as somebody wrote it: <c>[NAMESPACE/]NAME</c>.</summary>
internal readonly record struct PlaceName(string Namespace, string Name)
{
    public static PlaceName Parse(string text, string defaultNamespace) => text.Split('/') switch
    {
        [{ Length: > 0 } name] => new(defaultNamespace, name),
        [{ Length: > 0 } ns, { Length: > 0 } name] => new(ns, name),
        _ => throw new CliException($"{text}: write NAMESPACE/NAME of a pod, a deployment or a service account, or an address."),
    };

    /// <summary>How exactly a workload is meant: 0 by its own name, 1 by that of what made it, 2 by its service account; null if not at all.</summary>
    public int? Rank(string ns, string name, string maker, string account) =>
        ns != Namespace ? null : name == Name ? 0 : maker == Name ? 1 : account == Name ? 2 : null;

    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>A destination as somebody wrote it: <c>HOST:PORT</c>.</summary>
/// <param name="Text">As it was written.</param>
/// <param name="Host">An address, a service's name or host name, or <c>NAMESPACE/NAME</c> of a workload.</param>
/// <param name="Port">The port.</param>
internal sealed record DestinationName(string Text, string Host, int Port)
{
    private const string ClusterDomain = "cluster.local";

    public static DestinationName Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(text.AsSpan(colon + 1), out var port) && port > 0
            ? new(text, text[..colon].Trim('[', ']'), port)
            : throw new CliException($"{text}: write HOST:PORT, for example catalog.shop:80 or 10.1.2.3:8080.");
    }

    /// <summary>The host names that it can mean to a client of a namespace, in the order in which a pod's resolver tries them.</summary>
    public IReadOnlyList<string> Hostnames(string clientNamespace) => Host.Count(letter => letter == '.') switch
    {
        0 => [$"{Host}.{clientNamespace}.svc.{ClusterDomain}", Host],
        1 => [$"{Host}.svc.{ClusterDomain}", Host],
        2 when Host.EndsWith(".svc", StringComparison.Ordinal) => [$"{Host}.{ClusterDomain}", Host],
        _ => [Host],
    };
}
