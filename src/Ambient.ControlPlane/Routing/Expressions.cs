using System.Text.RegularExpressions;

namespace Ambient.ControlPlane.Routing;

/// <summary>Regular expressions of routes and policies.</summary>
internal static class Expressions
{
    /// <summary>
    /// What is wrong with an expression; null for nothing. What needs backtracking is none: RE2, whose syntax it is, does not have it
    /// either, and one request could take all of a waypoint's time.
    /// </summary>
    public static string? Problem(string pattern)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            return null;
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return error.Message;
        }
    }
}
