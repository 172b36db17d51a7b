using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Discovery;

/// <summary>
/// The OpenAPI 2 document in the protobuf form that kubectl before 1.27 reads. Field numbers are those of the
/// <c>openapi.v2</c> package that its clients share; only what they look at is written.
/// </summary>
internal static class OpenApiProtobuf
{
    /// <summary>With a dot where clients ask with an @, which media types do not allow; the real server does so too.</summary>
    public const string MediaType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    private static readonly string[] Methods = ["get", "put", "post", "delete", "options", "head", "patch"];

    public static byte[] Write(JsonObject document)
    {
        var message = new ProtobufMessage();
        message.Text(1, document.TextAt("swagger"));
        message.Message(2, Info(document.Child("info")));
        message.Message(8, Named(document.Child("paths"), 2, PathItem));
        message.Message(9, Named(document.Child("definitions"), 1, Schema));
        return message.ToArray();
    }

    private static ProtobufMessage Info(JsonObject info) =>
        new ProtobufMessage().Text(1, info.TextAt("title")).Text(2, info.TextAt("version"));

    /// <summary>A map: repeated messages of a name and a value.</summary>
    private static ProtobufMessage Named(JsonObject map, int number, Func<JsonObject, ProtobufMessage> write)
    {
        var message = new ProtobufMessage();
        foreach (var (name, value) in map)
        {
            message.Message(number, new ProtobufMessage().Text(1, name).Message(2, write(value as JsonObject ?? [])));
        }

        return message;
    }

    private static ProtobufMessage PathItem(JsonObject item)
    {
        var message = new ProtobufMessage();
        for (var index = 0; index < Methods.Length; index++)
        {
            if (item[Methods[index]] is JsonObject operation)
            {
                message.Message(2 + index, Operation(operation));
            }
        }

        return message;
    }

    private static ProtobufMessage Operation(JsonObject operation)
    {
        var message = new ProtobufMessage().Text(5, operation.TextAt("operationId"));
        foreach (var parameter in operation.ObjectsAt("parameters"))
        {
            var query = new ProtobufMessage().Text(2, "query").Text(4, parameter.TextAt("name")).Text(6, parameter.TextAt("type"));
            var plain = new ProtobufMessage().Message(3, query);
            message.Message(8, new ProtobufMessage().Message(1, new ProtobufMessage().Message(2, plain)));
        }

        message.Message(9, new ProtobufMessage());
        return Extensions(message, operation, 13);
    }

    private static ProtobufMessage Schema(JsonObject schema)
    {
        var message = new ProtobufMessage()
            .Text(1, schema.TextAt("$ref"))
            .Text(2, schema.TextAt("format"))
            .Text(4, schema.TextAt("description"));
        foreach (var name in schema["required"] as JsonArray ?? [])
        {
            message.Text(19, name?.GetValue<string>());
        }

        if (schema["additionalProperties"] is JsonObject values)
        {
            message.Message(21, new ProtobufMessage().Message(1, Schema(values)));
        }

        if (schema.TextAt("type") is { } type)
        {
            message.Message(22, new ProtobufMessage().Text(1, type));
        }

        if (schema["items"] is JsonObject items)
        {
            message.Message(23, new ProtobufMessage().Message(1, Schema(items)));
        }

        if (schema["properties"] is JsonObject properties)
        {
            message.Message(25, Named(properties, 1, Schema));
        }

        return Extensions(message, schema, 31);
    }

    /// <summary>Fields that begin with <c>x-</c>: a name and the value as YAML.</summary>
    private static ProtobufMessage Extensions(ProtobufMessage message, JsonObject owner, int number)
    {
        foreach (var (name, value) in owner)
        {
            if (name.StartsWith("x-", StringComparison.Ordinal) && value is not null)
            {
                message.Message(number, new ProtobufMessage().Text(1, name).Message(2, new ProtobufMessage().Text(2, Json.Text(value))));
            }
        }

        return message;
    }
}

/// <summary>Writes one protobuf message of texts and messages.</summary>
internal sealed class ProtobufMessage
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ProtobufMessage Text(int number, string? text)
    {
        if (text is not null)
        {
            Bytes(number, Encoding.UTF8.GetBytes(text));
        }

        return this;
    }

    public ProtobufMessage Message(int number, ProtobufMessage message)
    {
        Bytes(number, message._bytes.WrittenSpan);
        return this;
    }

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private void Bytes(int number, ReadOnlySpan<byte> bytes)
    {
        // Wire type 2: length and bytes.
        Varint((uint)((number << 3) | 2));
        Varint((uint)bytes.Length);
        _bytes.Write(bytes);
    }

    private void Varint(uint value)
    {
        Span<byte> bytes = stackalloc byte[5];
        var length = 0;
        while (value >= 0x80)
        {
            bytes[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        bytes[length++] = (byte)value;
        _bytes.Write(bytes[..length]);
    }
}
