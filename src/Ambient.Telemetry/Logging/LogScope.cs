namespace Ambient.Telemetry.Logging;

/// <summary>The third column of a line: the logger's category, shortened to what people type into filters.</summary>
internal static class LogScope
{
    /// <summary>
    /// <c>Ambient.Xds.Delta.DeltaClient</c> becomes <c>xds::delta::deltaclient</c>; the program's own name is left out, as a
    /// filter made for ztunnel expects. Short categories such as <c>access</c> stay what they are.
    /// </summary>
    public static string FromCategory(string category)
    {
        var name = category.StartsWith("Ambient.", StringComparison.Ordinal) ? category["Ambient.".Length..] : category;
        return WithoutProgram(name.ToLowerInvariant().Replace(".", "::", StringComparison.Ordinal));
    }

    /// <summary>Filters written for ztunnel may start with its name.</summary>
    public static string FromFilter(string scope) => WithoutProgram(scope.ToLowerInvariant());

    private static string WithoutProgram(string scope) =>
        scope.StartsWith("ztunnel::", StringComparison.Ordinal) ? scope["ztunnel::".Length..] : scope;
}
