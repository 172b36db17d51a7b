using Ambient.ApiServer.Auth;
using Ambient.ApiServer.Discovery;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Ambient.ApiServer.Http;

/// <summary>
/// The way of a request: who asks → what is asked → may they → do it → answer. Every refusal becomes a Status here.
/// </summary>
internal sealed class Dispatcher(ServerState server, ILogger logger)
{
    private readonly DiscoveryDocuments _discovery = new(server);
    private readonly OpenApiDocuments _openApi = new(server);

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await RouteAsync(context).ConfigureAwait(false);
        }
        catch (ApiException refusal)
        {
            await RefuseAsync(context, refusal).ConfigureAwait(false);
        }
        catch (BadHttpRequestException error)
        {
            await RefuseAsync(context, Refusal.BadRequest(error.Message)).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (Exception error)
        {
            Log.RequestFailed(logger, context.Request.Method, context.Request.Path, error);
            await RefuseAsync(context, new ApiException(500, "InternalError", $"Internal error occurred: {error.Message}")).ConfigureAwait(false);
        }
    }

    private static Task RefuseAsync(HttpContext context, ApiException refusal)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        return Responses.WriteRefusalAsync(context, refusal);
    }

    private async Task RouteAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        var user = server.Authenticator.Authenticate(context);
        if (RequestInfo.Parse(path) is { Plural: { } plural } info)
        {
            await ResourceAsync(context, info, plural, user).ConfigureAwait(false);
            return;
        }

        if (!server.Authorizer.Allows(user, new("get", "", "", "", "", "", path)))
        {
            throw new ApiException(403, "Forbidden", $"forbidden: User \"{user.Name}\" cannot get path \"{path}\"", []);
        }

        if (!await _discovery.TryWriteAsync(context, path).ConfigureAwait(false)
            && !await _openApi.TryWriteAsync(context, path).ConfigureAwait(false))
        {
            await NotFoundAsync(context).ConfigureAwait(false);
        }
    }

    private async Task ResourceAsync(HttpContext context, RequestInfo info, string plural, User user)
    {
        var verb = Verb(context.Request, info);
        var access = new AccessRequest(
            verb, info.Group, plural, info.Subresource ?? "", info.Namespace ?? "", info.Name ?? "");
        if (!server.Authorizer.Allows(user, access))
        {
            throw Forbidden(user, access);
        }

        var type = server.Types.Find(info.Group, info.Version, plural);
        if (type is null || (info.Namespace is not null && !type.Namespaced && plural != "namespaces")
            || (type.Namespaced && info.Namespace is null && info.Name is not null))
        {
            await NotFoundAsync(context).ConfigureAwait(false);
            return;
        }

        await ResourceHandler.HandleAsync(new(server, context, type, info, user), verb).ConfigureAwait(false);
    }

    private static string Verb(HttpRequest request, RequestInfo info) => request.Method switch
    {
        "GET" or "HEAD" => request.Query["watch"].ToString() is "true" or "1" ? "watch" : info.Name is null ? "list" : "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => info.Name is null ? "deletecollection" : "delete",
        _ => throw Refusal.MethodNotAllowed(),
    };

    private static ApiException Forbidden(User user, AccessRequest access)
    {
        var resource = access.Subresource.Length == 0 ? access.Resource : $"{access.Resource}/{access.Subresource}";
        var subject = access.Group.Length == 0 ? access.Resource : $"{access.Resource}.{access.Group}";
        var named = access.Name.Length == 0 ? subject : $"{subject} \"{access.Name}\"";
        var scope = access.Namespace.Length == 0 ? "at the cluster scope" : $"in the namespace \"{access.Namespace}\"";
        return new(
            403,
            "Forbidden",
            $"{named} is forbidden: User \"{user.Name}\" cannot {access.Verb} resource \"{resource}\" in API group \"{access.Group}\" {scope}",
            Refusal.Details(access.Name, access.Group, access.Resource));
    }

    private static Task NotFoundAsync(HttpContext context) => Responses.WriteTextAsync(context, 404, "404 page not found\n");
}
