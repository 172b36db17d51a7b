namespace Ambient.Linux;

/// <summary>The process's limit of open descriptors (RLIMIT_NOFILE).</summary>
public static class OpenFileLimit
{
    private const int OpenFiles = 7;

    /// <summary>
    /// Raises the soft limit to the hard one and returns it. A proxy needs two descriptors per connection, four more while it
    /// splices; pools and acceptors are sized from what this returns.
    /// </summary>
    public static unsafe long Raise()
    {
        var limits = stackalloc ulong[2];
        if (Libc.GetResourceLimit(OpenFiles, limits) != 0)
        {
            throw new LinuxException(Libc.LastError, "getrlimit RLIMIT_NOFILE");
        }

        if (limits[0] < limits[1])
        {
            limits[0] = limits[1];
            if (Libc.SetResourceLimit(OpenFiles, limits) != 0)
            {
                throw new LinuxException(Libc.LastError, $"setrlimit RLIMIT_NOFILE to {limits[1]}");
            }
        }

        return (long)Math.Min(limits[0], int.MaxValue);
    }
}
