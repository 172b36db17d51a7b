using System.Globalization;

namespace Ambient.Proxy.Configuration;

/// <summary>How many threads the data plane gets.</summary>
internal static class WorkerThreadCount
{
    /// <summary>
    /// A number, a share of the cores (<c>25%</c>), 0 for all cores, or <c>auto</c>: the CPU limit of the container where it is given, otherwise a quarter of
    /// the cores, but two at least.
    /// </summary>
    public static int Read(EnvironmentReader reader, string program)
    {
        var cores = Environment.ProcessorCount;
        var text = reader.Text($"{program}_WORKER_THREADS");
        if (text is null or "auto")
        {
            return Cpus(reader, $"{program}_RESOURCE_CPU_LIMIT") ?? Cpus(reader, $"{program}_CPU_LIMIT")
                ?? Math.Max(Math.Max((cores + 3) / 4, Cpus(reader, $"{program}_RESOURCE_CPU_REQUEST") ?? 0), 2);
        }

        if (text.EndsWith('%') && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var share)
            && share is > 0 and <= 100)
        {
            return Math.Max(1, ((cores * share) + 99) / 100);
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 1024)
        {
            return number == 0 ? cores : number;
        }

        reader.Problem($"{program}_WORKER_THREADS", "is not a number of threads, a share such as 25%, 0 for all cores, or auto");
        return 2;
    }

    /// <summary>Kubernetes writes whole CPUs or thousandths (<c>250m</c>); both are rounded up.</summary>
    private static int? Cpus(EnvironmentReader reader, string name)
    {
        if (reader.Text(name) is not { } text)
        {
            return null;
        }

        var thousandths = text.EndsWith('m');
        if (int.TryParse(thousandths ? text.AsSpan(0, text.Length - 1) : text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0)
        {
            return thousandths ? (number + 999) / 1000 : number;
        }

        reader.Problem(name, "is not a quantity of CPUs such as 2 or 500m");
        return null;
    }
}
