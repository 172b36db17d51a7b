using System.Net;

namespace Ambient.ApiServer;

/// <summary>How to run the embedded API server.</summary>
public sealed record ApiServerOptions
{
    /// <summary>Where to listen, with TLS. Port 0 takes any free one.</summary>
    public IReadOnlyList<IPEndPoint> Listen { get; init; } = [new(IPAddress.Loopback, 0)];

    /// <summary>Further addresses that the serving certificate is good for, e.g. the service address.</summary>
    public IReadOnlyList<IPAddress> CertificateAddresses { get; init; } = [];

    /// <summary>Further names that the serving certificate is good for.</summary>
    public IReadOnlyList<string> CertificateNames { get; init; } = [];

    /// <summary>Ranges of service addresses: IPv4, IPv6, or both; the first is the default family.</summary>
    public IReadOnlyList<IPNetwork> ServiceRanges { get; init; } = [IPNetwork.Parse("10.96.0.0/16")];

    /// <summary>The issuer of service account tokens.</summary>
    public string Issuer { get; init; } = "https://kubernetes.default.svc";

    /// <summary>Audiences that the API itself accepts; the default of tokens that ask for none.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = ["https://kubernetes.default.svc"];

    /// <summary>Manifests of CustomResourceDefinitions to install at the start, beside the built-in ones.</summary>
    public IReadOnlyList<string> Definitions { get; init; } = [];

    /// <summary>The groups whose kinds, as far as the mesh follows them, are there from the start.</summary>
    public IReadOnlyList<string> BuiltInGroups { get; init; } = ["gateway.networking.k8s.io", "security.istio.io", "networking.istio.io"];

    /// <summary>
    /// Whether to do what a cluster's controllers and admission do for users: make each namespace's <c>default</c> service
    /// account and root certificate, give it to pods, and empty namespaces that are deleted.
    /// </summary>
    public bool Controllers { get; init; } = true;

    /// <summary>Whether roles and their bindings decide what users may; otherwise each user who proves an identity may all.</summary>
    public bool EnforceRoles { get; init; }

    /// <summary>What runs pods: answers <c>logs</c> and <c>exec</c>.</summary>
    public IPodRuntime? PodRuntime { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
