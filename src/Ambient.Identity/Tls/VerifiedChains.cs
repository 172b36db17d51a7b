using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ambient.Identity.Tls;

/// <summary>What OpenSSL found good.</summary>
/// <param name="NotBefore">The latest begin of validity in the chain, trust anchor included.</param>
/// <param name="NotAfter">The earliest end of validity in the chain, trust anchor included.</param>
/// <param name="Uris">The URI names of the leaf, in its order.</param>
internal sealed record VerifiedChain(DateTimeOffset NotBefore, DateTimeOffset NotAfter, IReadOnlyList<string> Uris);

/// <summary>What a verdict was about: a SHA-256 over the trust that it came from, the role, and the whole chain in DER.</summary>
internal readonly record struct VerifiedChainKey(UInt128 First, UInt128 Second)
{
    public static VerifiedChainKey Of(ReadOnlySpan<byte> subject)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(subject, hash);
        return MemoryMarshal.Read<VerifiedChainKey>(hash);
    }
}

/// <summary>
/// Chains that OpenSSL has verified, so that the next handshake with the same peer need not search and check them again: that is a
/// fifth of a handshake. Only what is the same each time is remembered. That the peer holds the key is proven to libssl in every
/// handshake, whose identity it is is judged in every handshake, and no verdict outlives a certificate of its chain. Trust
/// that changes, be it roots or revocations, gives other keys, so verdicts of the trust before are never found. Refusals are
/// not remembered. Safe to use from every thread.
/// </summary>
/// <param name="capacity">
/// Chains remembered, those in use longest. 4,096 take a megabyte, and are the peers of a busy node; who is forgotten is verified again.
/// </param>
/// <param name="time">The clock.</param>
internal sealed class VerifiedChains(int capacity, TimeProvider time)
{
    /// <summary>Shared by all contexts: identities of a node mostly trust the same roots, and meet the same peers.</summary>
    public static VerifiedChains OfProcess { get; } = new(4096, TimeProvider.System);

    private readonly Lock _lock = new();

    // Two generations instead of an order of use: what was not asked for while the younger one filled up is dropped with the older.
    private Dictionary<VerifiedChainKey, VerifiedChain> _young = [];
    private Dictionary<VerifiedChainKey, VerifiedChain> _old = [];

    /// <summary>How many are remembered.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _young.Count + _old.Count;
            }
        }
    }

    /// <summary>How many were added since the start: each was a search and a check of signatures.</summary>
    public long Made { get; private set; }

    /// <summary>The verdict, if it is known and holds now.</summary>
    public VerifiedChain? Find(VerifiedChainKey key)
    {
        lock (_lock)
        {
            if (!_young.TryGetValue(key, out var chain))
            {
                if (!_old.Remove(key, out chain))
                {
                    return null;
                }

                Keep(key, chain);
            }

            var now = time.GetUtcNow();
            if (now >= chain.NotBefore && now < chain.NotAfter)
            {
                return chain;
            }

            _young.Remove(key);
            return null;
        }
    }

    /// <summary>Remembers a verdict.</summary>
    public void Add(VerifiedChainKey key, VerifiedChain chain)
    {
        lock (_lock)
        {
            Made++;
            Keep(key, chain);
        }
    }

    private void Keep(VerifiedChainKey key, VerifiedChain chain)
    {
        if (_young.Count >= capacity / 2)
        {
            (_old, _young) = (_young, _old);
            _young.Clear();
        }

        _young[key] = chain;
    }
}
