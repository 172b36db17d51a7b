namespace Ambient.Http.Tests.Recorded;

/// <summary>What the server of the recordings answers: what <c>x-answer</c> names.</summary>
internal static class RecordedAnswers
{
    /// <summary>The answer to a request, and whether the connection is closed after it.</summary>
    /// <param name="request">The request's bytes, one character each.</param>
    /// <param name="isFirst">It came on the first connection: a second try may get another answer.</param>
    public static (string Answer, bool Close) To(string request, bool isFirst)
    {
        var wish = request.Split("\r\n").FirstOrDefault(line => line.StartsWith("x-answer: ", StringComparison.Ordinal))?[10..];
        wish = !isFirst && request.Contains("x-second: ok", StringComparison.Ordinal) ? null : wish;
        const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        return wish switch
        {
            null when request.StartsWith("HEAD", StringComparison.Ordinal) => ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false),
            null => (Ok, false),
            "ws" => ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nframes", false),
            "204body" => ("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno", false),
            "304" => ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", false),
            "short" => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", true),
            "nolen" => ("HTTP/1.1 200 OK\r\n\r\nuntil close", true),
            "badstatus" => ("HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok", false),
            "nonhttp" => ("SSH-2.0-server\r\n", true),
            "twocl" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", false),
            "clte" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false),
            "chunked" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n2\r\nok\r\n0\r\nX-T: v\r\n\r\n", false),
            "badchunk" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", false),
            "early" => ("", true),
            "midbody" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", true),
            "103" => ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + Ok, false),
            "100" => ("HTTP/1.1 100 Continue\r\n\r\n" + Ok, false),
            "hop" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nX-H: 1\r\nKeep-Alive: timeout=5\r\n"
                + "Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nServer: proxy\r\n\r\nok", false),
            "500" => ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno", false),
            "503" => ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\nno", false),
            "badname" => ("HTTP/1.1 200 OK\r\nbad name: 1\r\nContent-Length: 2\r\n\r\nok", false),
            "nul" => ("HTTP/1.1 200 OK\r\nx: a\0b\r\nContent-Length: 2\r\n\r\nok", false),
            "http10" => ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
            "999" => ("HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok", false),
            "big" => ($"HTTP/1.1 200 OK\r\nx: {new string('a', 50_000)}\r\nContent-Length: 2\r\n\r\nok", false),
            "slow" => ("", false),
            _ => throw new InvalidOperationException($"the recordings have no answer '{wish}'"),
        };
    }
}
