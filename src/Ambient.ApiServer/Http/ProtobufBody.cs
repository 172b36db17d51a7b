using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Http;

/// <summary>
/// Reads objects in Kubernetes' protobuf form, which typed clients (<c>kubectl create</c>, <c>auth can-i</c>) send: an
/// envelope with kind and version around the message. Fields whose number the schema does not know are refused by name.
/// </summary>
internal static class ProtobufBody
{
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    /// <summary>Before the envelope, so that nobody takes it for something else.</summary>
    private static ReadOnlySpan<byte> Magic => "k8s\0"u8;

    /// <summary>An object with metadata.</summary>
    public static JsonObject Parse(ReadOnlySpan<byte> body, Schema schema, string kind) => Parse(body, schema, kind, hasMetadata: true);

    /// <summary>Options, which have no metadata.</summary>
    public static JsonObject ParsePlain(ReadOnlySpan<byte> body, Schema schema, string kind) => Parse(body, schema, kind, hasMetadata: false);

    private static JsonObject Parse(ReadOnlySpan<byte> body, Schema schema, string kind, bool hasMetadata)
    {
        try
        {
            if (!body.StartsWith(Magic))
            {
                throw new FormatException("the envelope does not begin with k8s");
            }

            var result = new JsonObject();
            ReadOnlySpan<byte> raw = [];
            var envelope = new ProtobufReader(body[Magic.Length..]);
            while (envelope.Next())
            {
                if (envelope.Number == 1)
                {
                    ReadType(envelope.Bytes, result);
                }
                else if (envelope.Number == 2)
                {
                    raw = envelope.Bytes;
                }
            }

            ReadMessage(raw, schema, result, hasMetadata);
            return result;
        }
        catch (FormatException error)
        {
            throw Refusal.BadRequest($"the {kind} in protobuf form cannot be read: {error.Message}; send it as JSON or YAML (kubectl apply -f)");
        }
    }

    private static void ReadType(ReadOnlySpan<byte> bytes, JsonObject result)
    {
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            result[reader.Number == 1 ? "apiVersion" : "kind"] = reader.Text;
        }
    }

    private static void ReadMessage(ReadOnlySpan<byte> bytes, Schema schema, JsonObject result, bool isRoot = false)
    {
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            var number = reader.Number;
            if (isRoot && number == 1)
            {
                ReadMessage(reader.Bytes, SchemaText.BuiltIn["ObjectMeta"], result.Child("metadata"));
                continue;
            }

            var (name, field) = schema.Fields.FirstOrDefault(entry => entry.Value.Number == number);
            if (isRoot && name == "status")
            {
                // Whoever creates an object does not decide its status.
                continue;
            }

            if (name is null)
            {
                if (!reader.IsZero)
                {
                    throw new FormatException($"field {number} of {schema.Name} is not known here");
                }

                continue;
            }

            ReadField(ref reader, name, field, result);
        }
    }

    private static void ReadField(ref ProtobufReader reader, string name, Field field, JsonObject result)
    {
        var schema = field.Schema;
        if (schema.Type == SchemaType.Array)
        {
            if (result[name] is not JsonArray list)
            {
                result[name] = list = [];
            }

            list.Add(ReadValue(ref reader, schema.Items!, keepZero: true));
        }
        else if (schema.Values is { } values)
        {
            var (key, value) = ReadEntry(reader.Bytes, values);
            result.Child(name)[key] = value;
        }
        else if (ReadValue(ref reader, schema, field.KeepsZero) is { } value)
        {
            result[name] = value;
        }
    }

    private static (string Key, JsonNode? Value) ReadEntry(ReadOnlySpan<byte> bytes, Schema values)
    {
        var key = "";
        JsonNode? value = values.Type == SchemaType.String ? "" : null;
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            if (reader.Number == 1)
            {
                key = reader.Text;
            }
            else
            {
                value = ReadValue(ref reader, values, keepZero: true);
            }
        }

        return (key, value);
    }

    private static JsonNode? ReadValue(ref ProtobufReader reader, Schema schema, bool keepZero)
    {
        switch (schema.Type)
        {
            case SchemaType.String when schema.Format is "date-time" or "micro-time":
                return ReadTime(reader.Bytes, schema.Format == "micro-time");
            case SchemaType.String when schema.Format == "byte":
                return Convert.ToBase64String(reader.Bytes);
            case SchemaType.String when schema.Format == "quantity":
                var quantity = new ProtobufReader(reader.Bytes);
                return quantity.Next() ? quantity.Text : null;
            case SchemaType.String:
                return reader.Text is { } text && (text.Length > 0 || keepZero) ? text : null;
            case SchemaType.Integer:
                return reader.Integer != 0 || keepZero ? reader.Integer : null;
            case SchemaType.Boolean:
                return reader.Integer != 0 || keepZero ? reader.Integer != 0 : null;
            case SchemaType.IntOrString:
                return ReadIntOrString(reader.Bytes);
            case SchemaType.Any:
                return reader.IsZero ? null : throw new FormatException("a part of it is only known in JSON");
            default:
                var child = new JsonObject();
                ReadMessage(reader.Bytes, schema, child);
                return child.Count > 0 || keepZero ? child : null;
        }
    }

    private static JsonNode? ReadIntOrString(ReadOnlySpan<byte> bytes)
    {
        long type = 0, number = 0;
        var text = "";
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1:
                    type = reader.Integer;
                    break;
                case 2:
                    number = reader.Integer;
                    break;
                default:
                    text = reader.Text;
                    break;
            }
        }

        // A target port of zero is one that is not set.
        return type == 1 ? text : number == 0 ? null : number;
    }

    private static JsonNode? ReadTime(ReadOnlySpan<byte> bytes, bool micro)
    {
        long seconds = 0, nanos = 0;
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            if (reader.Number == 1)
            {
                seconds = reader.Integer;
            }
            else
            {
                nanos = reader.Integer;
            }
        }

        if (bytes.IsEmpty || seconds is < 0 or > 253_402_300_799)
        {
            return null;
        }

        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100);
        return micro
            ? time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)
            : Timestamps.Text(time);
    }
}

/// <summary>Reads the fields of one protobuf message in order.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _left = message;
    private int _wireType;

    public int Number { get; private set; }

    public long Integer { get; private set; }

    public ReadOnlySpan<byte> Bytes { get; private set; }

    public readonly string Text => _wireType == 2 ? Encoding.UTF8.GetString(Bytes) : throw new FormatException($"field {Number} is not a text");

    public readonly bool IsZero => _wireType == 2 ? Bytes.IsEmpty : Integer == 0;

    public bool Next()
    {
        if (_left.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        Number = (int)(tag >> 3);
        _wireType = (int)(tag & 7);
        Integer = 0;
        Bytes = [];
        switch (_wireType)
        {
            case 0:
                Integer = (long)Varint();
                break;
            case 1:
                Integer = BinaryPrimitives.ReadInt64LittleEndian(Take(8));
                break;
            case 2:
                var length = Varint();
                Bytes = length <= (ulong)_left.Length ? Take((int)length) : throw new FormatException("a field is cut off");
                break;
            case 5:
                Integer = BinaryPrimitives.ReadInt32LittleEndian(Take(4));
                break;
            default:
                throw new FormatException($"unknown wire type {_wireType}");
        }

        return true;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _left.Length)
        {
            throw new FormatException("a field is cut off");
        }

        var taken = _left[..count];
        _left = _left[count..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new FormatException("a number is too long");
    }
}
