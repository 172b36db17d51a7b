using System.Diagnostics.CodeAnalysis;

namespace Ambient.Linux.Faults;

/// <summary>
/// Whether the data path's system calls misbehave on purpose, as the environment variable <c>AMBIENT_FAULTS</c> tells. For
/// tests: the switch is off, and all of this absent, in what is published.
/// </summary>
internal static class FaultInjection
{
    public const string Variable = "AMBIENT_FAULTS";

    private const string Switch = "Ambient.Linux.FaultInjection";

    /// <summary>
    /// Null unless the variable is set. A constant to the JIT, and null for good to the trimmer where the switch is off, so that
    /// the calls which ask for it cost nothing.
    /// </summary>
    public static FaultyCalls? Calls => IsSupported ? _calls : null;

    [FeatureSwitchDefinition(Switch)]
    private static bool IsSupported { get; } = AppContext.TryGetSwitch(Switch, out var on) && on;

    private static readonly FaultyCalls? _calls = IsSupported ? FromEnvironment() : null; // after the switch is known

    private static FaultyCalls? FromEnvironment()
    {
        if (FaultPlan.Parse(Environment.GetEnvironmentVariable(Variable)) is not { } plan)
        {
            return null;
        }

        Console.Error.WriteLine($"{Environment.ProcessPath} ({Environment.ProcessId}) injects faults: {Variable}={plan}");
        return new FaultyCalls(plan);
    }
}
