using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Authorization;

/// <summary>What a policy may look at: facts that TLS and the kernel vouch for, nothing that a peer merely says.</summary>
/// <param name="Source">The client's address.</param>
/// <param name="Identity">The client's identity, proved by its certificate; null in plaintext.</param>
/// <param name="DestinationAddress">The workload's address.</param>
/// <param name="DestinationPort">The application's port.</param>
public readonly record struct ConnectionFacts(
    IPAddress Source, SpiffeId? Identity, IPAddress DestinationAddress, int DestinationPort);

/// <summary>Why a connection is allowed or refused.</summary>
public enum VerdictReason
{
    /// <summary>No policy that allows applies, and none denies.</summary>
    NoAllowPolicies,

    /// <summary>A policy allows it.</summary>
    AllowedByPolicy,

    /// <summary>A policy denies it.</summary>
    DeniedByPolicy,

    /// <summary>Policies that allow apply, and none matches.</summary>
    NotAllowed,

    /// <summary>The workload names a policy that is not known, so whether it denies cannot be told.</summary>
    UnknownPolicy,
}

/// <summary>What policies in dry run would have done.</summary>
public enum DryRunOutcome
{
    /// <summary>No policy in dry run has an opinion.</summary>
    None,

    /// <summary>One would have denied.</summary>
    WouldDeny,

    /// <summary>One would have allowed.</summary>
    WouldAllow,

    /// <summary>Policies that allow are in dry run, and none matches.</summary>
    WouldNotAllow,
}

/// <summary>The answer to one connection, with what decided it. A value: making one allocates nothing.</summary>
/// <param name="Allowed">Whether the connection may go on.</param>
/// <param name="Reason">Why.</param>
/// <param name="Policy">The policy that decided, if one did.</param>
/// <param name="RuleIndex">The rule of it that matched, from 0; −1 without.</param>
/// <param name="UnknownKey">The key that could not be resolved, for <see cref="VerdictReason.UnknownPolicy"/>.</param>
/// <param name="DryRun">What policies in dry run would have done.</param>
/// <param name="DryRunPolicy">The policy in dry run that matched, if one did.</param>
public readonly record struct Verdict(
    bool Allowed,
    VerdictReason Reason,
    Policy? Policy,
    int RuleIndex,
    string? UnknownKey,
    DryRunOutcome DryRun,
    Policy? DryRunPolicy);
