namespace Ambient.ControlPlane.Policies;

/// <summary>What the mesh's node proxies make of a policy: the condition <c>ZtunnelAccepted</c>.</summary>
/// <param name="Holds">Whether the policy is enforced at all.</param>
/// <param name="Reason">One of the reasons below.</param>
/// <param name="Message">For people.</param>
internal sealed record PolicyCondition(bool Holds, string Reason, string Message)
{
    /// <summary>The condition's type.</summary>
    public const string Type = "ZtunnelAccepted";

    public const string Accepted = "Accepted";
    public const string UnsupportedValue = "UnsupportedValue";
    public const string Invalid = "Invalid";

    public static PolicyCondition Enforced { get; } = new(true, Accepted, "attached to ztunnel");

    public static PolicyCondition NotEnforced(string why) => new(false, UnsupportedValue, why);

    /// <summary>Rules of an ALLOW policy are missing, so that it allows less than it says.</summary>
    public static PolicyCondition RulesLeftOut(IEnumerable<string> fields) => new(
        true,
        UnsupportedValue,
        $"ztunnel evaluates no HTTP: rules with {string.Join(", ", fields)} are left out, so that they allow nothing. Attach the policy to a waypoint with targetRefs.");

    /// <summary>A DENY policy denies more than it says, or less.</summary>
    public static PolicyCondition RulesChanged(IEnumerable<string> fields, int without, int of) => new(
        true,
        UnsupportedValue,
        $"ztunnel evaluates no HTTP: {string.Join(", ", fields)} " + (without == 0
            ? "is left out and the rules are enforced without it, so that they deny more."
            : without == of
                ? "leaves no enforceable rules: the policy has no effect here."
                : $"leaves {without} of {of} rules without effect; the others are enforced without it.")
        + " Attach the policy to a waypoint with targetRefs.");

    /// <summary>The latest version cannot be read.</summary>
    public static PolicyCondition Unreadable(IEnumerable<string> problems, bool heldBack) => new(
        false,
        Invalid,
        string.Join("; ", problems) + (heldBack
            ? ". The previous version stays in force."
            : ". Until that is put right, the policy allows less, or denies more, than it says."));
}
