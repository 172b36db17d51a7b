using Ambient.Api;

namespace Ambient.Identity.Tls;

/// <summary>
/// Which identities a connection accepts at its other end, once OpenSSL has verified the chain. A server takes any of
/// its own trust domain (authorization comes later); a client takes exactly those that it expects, and none if it expects none.
/// </summary>
internal sealed class PeerPolicy
{
    private readonly string? _trustDomain;
    private readonly IReadOnlyCollection<SpiffeId> _expected;

    private PeerPolicy(string? trustDomain, IReadOnlyCollection<SpiffeId> expected)
    {
        _trustDomain = trustDomain;
        _expected = expected;
    }

    public static PeerPolicy TrustDomain(string trustDomain) => new(trustDomain, []);

    public static PeerPolicy AnyOf(IReadOnlyCollection<SpiffeId> expected) => new(null, expected);

    /// <summary>Judges the URI names of the peer's leaf.</summary>
    /// <param name="uris">In the certificate's order.</param>
    /// <param name="peer">The peer's identity: the first that is a SPIFFE ID.</param>
    /// <param name="complaint">If it is refused, why.</param>
    public bool Accepts(IReadOnlyList<string> uris, out SpiffeId peer, out string complaint)
    {
        peer = default;
        complaint = "";
        var found = false;
        var accepted = false;
        foreach (var uri in uris)
        {
            if (!SpiffeId.TryParse(uri, out var id))
            {
                continue;
            }

            peer = found ? peer : id;
            found = true;
            accepted |= _trustDomain is null
                ? _expected.Contains(id)
                : string.Equals(id.TrustDomain, _trustDomain, StringComparison.Ordinal);
        }

        if (!accepted)
        {
            complaint = found ? Complaint(uris) : $"its certificate names no SPIFFE identity (URI names: {List(uris)})";
        }

        return accepted;
    }

    private string Complaint(IReadOnlyList<string> uris) => _trustDomain is not null
        ? $"it is {List(uris)}, which is not of our trust domain {_trustDomain}"
        : _expected.Count == 0
            ? $"it is {List(uris)} and no identity is expected there: the destination's configuration names none"
            : $"it is {List(uris)}, but we expect {List([.. _expected.Select(id => id.ToString())])}: "
                + "the address may have been taken over by another workload, or the configuration is behind";

    private static string List(IReadOnlyList<string> names) => names.Count == 0 ? "none" : string.Join(", ", names);
}
