namespace Ambient.Telemetry.Logging;

/// <summary>The values of a line that is written so often that it writes them itself.</summary>
internal interface ILineValues
{
    /// <summary>The values for formats that take them one by one; null ones are left out.</summary>
    IReadOnlyList<KeyValuePair<string, object?>> Values { get; }

    /// <summary>Writes the values as fields of a plain line.</summary>
    void WritePlain(ref LineText line);
}
