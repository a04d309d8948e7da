using System.Globalization;

namespace PgReplWatchdog.Operating;

/// <summary>
/// Health checks for HAProxy and other load balancers: /clusters/NAME/primary, /clusters/NAME/nodes/NODE/primary and replica, and /nodes/NODE/primary and replica where
/// only one cluster has a node of that name. The status code is the answer; the body says why, for people.
/// </summary>
public static class RoleEndpoints
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head, HttpMethods.Options];

    public static void Map(IEndpointRouteBuilder routes)
    {
        Map(routes, "/clusters/{cluster}/primary", (HttpRequest request, WatchedClusters clusters) => InCluster(clusters, request, roles => Say(roles.Primary())));
        foreach (var (path, find) in (ReadOnlySpan<(string, Finder)>)[("/nodes/{node}", Anywhere), ("/clusters/{cluster}/nodes/{node}", InClusterNode)])
        {
            Map(routes, path + "/primary", (HttpRequest request, WatchedClusters clusters) => find(clusters, request, (roles, node) => Say(roles.Primary(node))));
            Map(routes, path + "/replica", (HttpRequest request, WatchedClusters clusters) => find(clusters, request, (roles, node) => Replica(request, roles, node)));
        }
    }

    private delegate IResult Finder(WatchedClusters clusters, HttpRequest request, Func<NodeRoles, string, IResult> answer);

    private static void Map(IEndpointRouteBuilder routes, string pattern, Func<HttpRequest, WatchedClusters, IResult> answer) =>
        routes.MapMethods(pattern, Methods, answer).ExcludeFromDescription().WithMetadata(new HttpRules.ForHealth());

    private static IResult InCluster(WatchedClusters clusters, HttpRequest request, Func<NodeRoles, IResult> answer)
    {
        var name = (string)request.RouteValues["cluster"]!;
        return clusters.Find(name) is { } found ? answer(NodeRoles.Of(found)) : Missing(clusters.WhyNot(name));
    }

    private static IResult InClusterNode(WatchedClusters clusters, HttpRequest request, Func<NodeRoles, string, IResult> answer) => InCluster(clusters, request, roles =>
    {
        var node = (string)request.RouteValues["node"]!;
        return roles.Spec.Nodes.Any(spec => spec.Name == node)
            ? answer(roles, node)
            : Missing($"there is no node {node} in {roles.Spec.Name}; there are {string.Join(", ", roles.Spec.Nodes.Select(spec => spec.Name))}");
    });

    private static IResult Anywhere(WatchedClusters clusters, HttpRequest request, Func<NodeRoles, string, IResult> answer)
    {
        var node = (string)request.RouteValues["node"]!;
        var having = clusters.All.Where(watchdog => watchdog.Spec.Nodes.Any(spec => spec.Name == node)).ToList();
        return having switch
        {
            [] => Missing($"no cluster has a node {node}"),
            [var only] => answer(NodeRoles.Of(only), node),
            _ => Results.Text($"{string.Join(", ", having.Select(watchdog => watchdog.Spec.Name))} each have a node {node}: ask for /clusters/{having[0].Spec.Name}/nodes/{node}\n",
                statusCode: StatusCodes.Status409Conflict),
        };
    }

    private static IResult Replica(HttpRequest request, NodeRoles roles, string node)
    {
        if (request.Query["lag"] is not [{ } written])
            return request.Query.ContainsKey("lag") ? BadLag(request.Query["lag"].ToString()) : Say(roles.Replica(node, null));
        return long.TryParse(written, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? Say(roles.Replica(node, bytes)) : BadLag(written);
    }

    private static IResult BadLag(string written) => Results.Text($"lag is '{written}'; give bytes as a whole number, such as lag=1048576\n", statusCode: StatusCodes.Status400BadRequest);

    private static IResult Say(RoleAnswer answer) => Results.Text(answer.Reason + "\n", statusCode: answer.StatusCode);

    private static IResult Missing(string sentence) => Results.Text(sentence + "\n", statusCode: StatusCodes.Status404NotFound);
}
