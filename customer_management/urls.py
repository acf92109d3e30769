from api_pattern.routers import Router
from customer_management import views

router = Router()
router.register("customers", views.CustomerViewSet)

urlpatterns = router.urls
