using System.Reflection;

namespace Ambient.Proxy;

/// <summary>What is running.</summary>
public static class ThisBuild
{
    private static readonly string Informational =
        typeof(ThisBuild).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The version of the product.</summary>
    public static string Version => Informational.Split('+')[0];

    /// <summary>The commit, where the build knew it.</summary>
    public static string Revision => Informational.Split('+') is [_, var revision] ? revision : "unknown";

    /// <summary>Whether the compiler optimised.</summary>
    public static string Profile =>
#if DEBUG
        "debug";
#else
        "release";
#endif
}
