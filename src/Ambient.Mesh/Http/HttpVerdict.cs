namespace Ambient.Mesh.Http;

/// <summary>Why a request is allowed or refused.</summary>
public enum HttpVerdictReason
{
    /// <summary>No policy that allows applies, and none denies.</summary>
    NoAllowPolicies,

    /// <summary>A policy allows it.</summary>
    AllowedByPolicy,

    /// <summary>A policy denies it.</summary>
    DeniedByPolicy,

    /// <summary>Policies that allow apply, and none matches.</summary>
    NotAllowed,

    /// <summary>A policy is named but not known, so whether it denies cannot be told.</summary>
    UnknownPolicy,

    /// <summary>The waypoint's own configuration, or the service's, has not been received, so what holds cannot be told.</summary>
    UnknownConfiguration,
}

/// <summary>The answer to one request, with what decided it. A value: making one allocates nothing.</summary>
/// <param name="Allowed">Whether the request may go on.</param>
/// <param name="Reason">Why.</param>
/// <param name="Policy">The policy that decided, if one did.</param>
/// <param name="RuleIndex">The rule of it that matched, from 0; −1 without.</param>
/// <param name="UnknownKey">The key that could not be resolved.</param>
/// <param name="Audited">The first policy that asks for the request to be noted, if one does.</param>
/// <param name="DryRun">What policies in dry run would have done.</param>
/// <param name="DryRunPolicy">The policy in dry run that matched, if one did.</param>
public readonly record struct HttpVerdict(
    bool Allowed,
    HttpVerdictReason Reason,
    HttpPolicy? Policy,
    int RuleIndex,
    string? UnknownKey,
    HttpPolicy? Audited,
    Authorization.DryRunOutcome DryRun,
    HttpPolicy? DryRunPolicy);
