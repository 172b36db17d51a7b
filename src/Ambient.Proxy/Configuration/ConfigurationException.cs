namespace Ambient.Proxy.Configuration;

/// <summary>The environment holds values that cannot be used. The message names each variable, its value and what is possible.</summary>
public sealed class ConfigurationException(IReadOnlyList<string> problems)
    : Exception("The configuration cannot be used:\n" + string.Join('\n', problems.Select(problem => "  " + problem)))
{
    /// <summary>One line for each variable.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
