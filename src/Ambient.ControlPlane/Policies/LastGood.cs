using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;

namespace Ambient.ControlPlane.Policies;

/// <summary>A policy and the version of it that is in force.</summary>
/// <param name="InForce">The version to derive from: the latest, or the last one that could be read.</param>
/// <param name="Latest">The version that the API server holds.</param>
/// <param name="Problems">What is wrong with the latest; empty where it is in force as it stands.</param>
internal sealed record Accepted<T>(T InForce, T Latest, IReadOnlyList<string> Problems)
    where T : class, IResource
{
    /// <summary>Whether an earlier version is in force.</summary>
    public bool IsHeldBack => !ReferenceEquals(InForce, Latest);

    /// <summary>The version in force where that is a good one; null where there never was one, for what means nothing when it is half read.</summary>
    public T? Good => Problems.Count == 0 || IsHeldBack ? InForce : null;
}

/// <summary>
/// Lets good versions of policies through and holds back bad ones: a typing mistake must not change what is enforced. A
/// policy that was never good goes through with its problems, to be read as strictly as it can be.
/// </summary>
internal sealed class LastGood<T>(Func<T, IEnumerable<string>> problemsOf)
    where T : class, IResource
{
    private readonly Source<Accepted<T>> _accepted = new();

    public Collection<Accepted<T>> Accepted => _accepted;

    /// <summary>Takes a new version; null where the policy is gone.</summary>
    public void Offer(string key, T? latest)
    {
        if (latest is null)
        {
            _accepted.Set(key, null);
            return;
        }

        string[] problems = [.. problemsOf(latest)];
        var inForce = latest;
        if (problems.Length > 0
            && _accepted.TryGet(key, out var previous)
            && previous.Latest.Metadata.Uid == latest.Metadata.Uid
            && (previous.IsHeldBack || previous.Problems.Count == 0))
        {
            inForce = previous.InForce;
        }

        _accepted.Set(key, new Accepted<T>(inForce, latest, problems));
    }
}
