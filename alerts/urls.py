from alerts import views
from api_pattern.routers import Router

router = Router()
router.register("alerts", views.AlertViewSet)

urlpatterns = router.urls
