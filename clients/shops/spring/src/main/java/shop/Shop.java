package shop;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.ClientAuthorizationException;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.authentication.OAuth2AuthenticationToken;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** The shop with Spring Security: code flow with PKCE, refresh, logout at the server, and logout by the server. */
@SpringBootApplication
@RestController
public class Shop {
    private final RestClient http = RestClient.create();
    private final OAuth2AuthorizedClientRepository kept;
    private final DefaultOAuth2AuthorizedClientManager manager;

    Shop(ClientRegistrationRepository clients, OAuth2AuthorizedClientRepository kept) {
        this.kept = kept;
        manager = new DefaultOAuth2AuthorizedClientManager(clients, kept);
        // Refreshes whatever it is asked for: no access token here lasts an hour.
        manager.setAuthorizedClientProvider(OAuth2AuthorizedClientProviderBuilder.builder()
            .refreshToken(refresh -> refresh.clockSkew(Duration.ofHours(1)))
            .build());
    }

    public static void main(String[] args) {
        SpringApplication.run(Shop.class, args);
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        var end = new OidcClientInitiatedLogoutSuccessHandler(clients);
        end.setPostLogoutRedirectUri("{baseUrl}/");
        var pkce = new DefaultOAuth2AuthorizationRequestResolver(clients, "/oauth2/authorization");
        pkce.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
        return http
            .authorizeHttpRequests(paths -> paths.requestMatchers("/").permitAll().anyRequest().authenticated())
            .oauth2Login(login -> login
                .loginPage("/oauth2/authorization/server")
                .authorizationEndpoint(to -> to.authorizationRequestResolver(pkce)))
            // A link signs out here, for the test's sake; Spring's own way is a form with a token.
            .csrf(csrf -> csrf.ignoringRequestMatchers("/logout"))
            .logout(logout -> logout.logoutRequestMatcher(request -> request.getRequestURI().equals("/logout"))
                .logoutSuccessHandler(end))
            .oidcLogout(logout -> logout.backChannel(Customizer.withDefaults()))
            .build();
    }

    @GetMapping("/")
    String home(@AuthenticationPrincipal OidcUser user) {
        return user == null ? "nobody" : "signed in as " + user.getPreferredUsername();
    }

    @GetMapping("/login")
    ResponseEntity<Void> login() {
        return ResponseEntity.status(HttpStatus.FOUND).header("location", "/").build();
    }

    @GetMapping("/orders")
    String orders(OAuth2AuthenticationToken user, HttpServletRequest request, @Value("${API}") String api) {
        var bearer = "Bearer " + token(user, request);
        return http.get().uri(api).header("authorization", bearer).retrieve().body(String.class);
    }

    @GetMapping("/refresh")
    String refresh(OAuth2AuthenticationToken user, HttpServletRequest request) throws ServletException {
        var before = token(user, request);
        try {
            manager.authorize(OAuth2AuthorizeRequest.withClientRegistrationId("server").principal(user).build());
        } catch (ClientAuthorizationException refused) {
            request.logout();
            return refused.getError().getErrorCode().equals("invalid_grant") ? "session ended" : refused.toString();
        }
        return token(user, request).equals(before) ? "not refreshed" : "refreshed";
    }

    private String token(OAuth2AuthenticationToken user, HttpServletRequest request) {
        return kept.loadAuthorizedClient("server", user, request).getAccessToken().getTokenValue();
    }
}
