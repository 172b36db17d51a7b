using System.Runtime.InteropServices;

namespace Ambient.Linux;

/// <summary>A system call failed. The message names the operation, its object, and the kernel's reason.</summary>
public sealed class LinuxException : IOException
{
    /// <summary>Describes a failed call.</summary>
    /// <param name="error">What the kernel answered.</param>
    /// <param name="operation">What was tried, with its object, as <c>connect 10.0.0.1:80</c>.</param>
    public LinuxException(Errno error, string operation)
        : base($"{operation}: {Describe(error)}")
    {
        Error = error;
        Operation = operation;
    }

    /// <summary>What the kernel answered.</summary>
    public Errno Error { get; }

    /// <summary>What was tried.</summary>
    public string Operation { get; }

    /// <summary>The kernel's reason in words, with its name and number: <c>Connection refused (ECONNREFUSED 111)</c>.</summary>
    public static string Describe(Errno error)
    {
        var text = Marshal.GetPInvokeErrorMessage((int)error);
        return Enum.IsDefined(error) ? $"{text} ({error} {(int)error})" : $"{text} (errno {(int)error})";
    }

}
